// The names of the pods of a namespace, each when an informer of client-go first sees it.
//
// pod-informer NAMESPACE WATCH: each watch ends after that time, and the next begins. The kubeconfig is KUBECONFIG's.
package main

import (
	"fmt"
	"log"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	namespace := os.Args[1]
	watch, err := time.ParseDuration(os.Args[2])
	check(err)
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	check(err)
	client, err := kubernetes.NewForConfig(config)
	check(err)
	seconds := int64(watch.Seconds())
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.TimeoutSeconds = &seconds }))
	_, err = factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { fmt.Println(object.(*corev1.Pod).Name) },
	})
	check(err)
	factory.Start(nil)
	select {}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
